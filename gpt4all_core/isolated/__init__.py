"""An engine in a child process: what ends llama.cpp ends the child, and is an error here.

llama.cpp answers a failed assertion with abort(), a C++ exception that leaves it with
std::terminate, and a file made to deceive it with whatever its bytes can bring about. A model
opened with `isolate=True` does all of that in a process of its own:

    caller ── IsolatedEngine ── pipe: Open, Submit, Cancel … ──> isolated_child ── Engine ── llama.cpp
                    ^────────── pipe: Accepted, Text, Ended … ──────────┘

* **Nothing is trusted that comes back.** Messages are JSON in frames of a bounded length, checked
  against the dataclasses of `messages`; an error's name is looked up in a table. Nothing is
  unpickled or imported by name. A child that breaks the rules is killed.
* **A death is an `EngineCrashed`** with the signal's name and the child's last words, for each request
  that was in flight; `is_open` turns False, so that the next lease from the pool starts another child.
* **A child that hangs keeps nobody waiting.** The parent has a clock of its own (`patience`): a request
  ends with GenerationTimeout soon after its time, a child that gives no answer is killed, and so is one
  that shows no sign of life while it closes.
* **The child never outlives its parent.** It ends when its standard input does, whatever ended the
  parent. Linux's PR_SET_PDEATHSIG is not used: it fires when the *thread* ends that started the
  child, and models are opened in threads that come and go. A fork of the parent gives up its copy
  of the pipe for the same reason, and is refused as it is for an engine in its own process.
* **It is alone.** It has a session of its own, so that Ctrl-C in the terminal is the parent's to
  handle. It opens no network connection. Its standard output and error are kept, some kilobytes of
  them, to be quoted, and shown nowhere.

This is a wall against faults. It is no sandbox: the child may read what its user may.
"""
