"""What to run on this machine, why, and how fast it will be: the catalog, judged by measured speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.catalog import MOST_PARAMETERS, SHARE_OF_MEMORY, list_models
from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.catalog.memory import memory_needed
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.catalog.wishes import Task, Wishes, meets
from gpt4all_core.engine.devices import Device, choose_devices
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.measure_speed import MeasuredSpeed, measure_speed

READING_TOKENS_PER_S = 5.0
"""People read some four words a second; a model that writes more slowly keeps them waiting."""

PREDICTION_ERROR = 0.3
"""How far the speed of a real model may be from what the made one of its type says, beside what the
machine's own unsteadiness adds; see docs/models.md for what was measured."""

MOST_MEASURED_TYPES = 3
"""Types of weights whose speed is measured, about a second for each."""

MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """What models run on.

    memory_bytes: main memory, or what a container may use of it. cores: that this process may use.
    devices: those that layers can go to, none for the processor alone.
    """

    memory_bytes: int
    cores: int
    devices: tuple[Device, ...] = ()

    @property
    def device_bytes(self) -> int:
        """Free memory of the devices; 0 where there are none, or they do not say."""
        return sum(device.free_bytes for device in self.devices)


@dataclass(frozen=True, slots=True)
class ExpectedSpeed:
    """Tokens a second for one request with a short context; lowest and highest: where it may well lie."""

    tokens_per_s: float
    lowest: float
    highest: float
    prompt_tokens_per_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to run. path: where it is on this disk; speed: None where it could not be predicted."""

    entry: ModelEntry
    path: Path | None
    memory_bytes: int
    speed: ExpectedSpeed | None
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Up to three choices, the first the best; why there are none, or an empty string."""

    machine: Machine
    task: Task
    choices: tuple[Choice, ...]
    measured: tuple[MeasuredSpeed, ...] = ()
    fault: str = ""


def recommend(wishes: Wishes | None = None, *, memory: int | None = None, is_measured: bool = True) -> Advice:
    """Which models of the catalog to run for a task.

    wishes: what for, in which language, under what licence. memory: bytes of main memory to reckon with
    in place of this machine's, which leaves its graphics cards out. is_measured: measure for two or
    three seconds how fast this machine is with the types of the candidates' weights; without, no speed
    is told.

    A model has to fit, with a context of 4,096 tokens, into 70 % of main memory or into what is free on
    the cards. Of those, the ones that write at least as fast as people read come first, then those that
    the catalog recommends, then those with more parameters. Where nothing was measured and there is no
    card, models of more than nine billion parameters are taken for too slow, as `better_model` does.

    Raises ModelLoadError where llama.cpp cannot be used.
    """
    wishes = wishes or Wishes()
    machine = _this_machine(memory)
    wanted = [entry for entry in list_models() if meets(entry, wishes)]
    fitting = [entry for entry in wanted if _fits(entry, machine)]
    if not fitting:
        return Advice(machine, wishes.task, (), fault=_why_none(wanted, machine, wishes))
    ordered = _by_worth(fitting, {}, machine)
    kinds = _types_of(ordered) if is_measured else []
    device = "auto" if machine.devices else "cpu"
    measured = tuple(measure_speed(kind, device=device) for kind in kinds)
    return advise(fitting, wishes, machine=machine, measured=measured)


def advise(
    fitting: Sequence[ModelEntry], wishes: Wishes, *, machine: Machine, measured: Sequence[MeasuredSpeed]
) -> Advice:
    """The choice among models that fit. Pure, but for a look at what is on the disk."""
    by_type = {speed.tensor_type: speed for speed in measured}
    speeds = {entry.name: expected_speed(entry, by_type) for entry in fitting}
    if machine.devices:  # what does not fit there is computed in two places, and nobody measured that
        speeds = {
            entry.name: speeds[entry.name] if _needed(entry) <= machine.device_bytes else None
            for entry in fitting
        }
    ordered = _by_worth(fitting, speeds, machine)
    chosen: list[Choice] = []
    for entry, why in _picked(ordered, speeds):
        about = (
            _fit_reason(entry, machine),
            _licence_reason(entry),
            _language_reason(entry, wishes.language),
        )
        reason = f"{why}: {'; '.join(filter(None, about))}"
        chosen.append(Choice(entry, installed_path(entry), _needed(entry), speeds[entry.name], reason))
    return Advice(machine, wishes.task, tuple(chosen), tuple(measured))


def expected_speed(entry: ModelEntry, measured: Mapping[str, MeasuredSpeed]) -> ExpectedSpeed | None:
    """How fast a model will be on a machine with these rates, or None without the one of its type.

    A token takes as long as reading all weights that it is computed with, of a mixture of experts those
    of the experts that are asked, and a little for each layer.
    """
    kind = measured.get(tensor_type(entry.quantisation or ""))
    if kind is None or not entry.size_bytes or not entry.parameters:
        return None
    active = entry.active_parameters or entry.parameters
    size = entry.size_bytes * active / entry.parameters
    besides_s = kind.layer_s * (entry.architecture.layers if entry.architecture else 0)

    def tokens_per_s(bytes_per_s: float) -> float:
        return 1 / (size / bytes_per_s + besides_s)

    return ExpectedSpeed(
        tokens_per_s(kind.bytes_per_s),
        (1 - PREDICTION_ERROR) * tokens_per_s(kind.slowest_bytes_per_s),
        (1 + PREDICTION_ERROR) * tokens_per_s(kind.fastest_bytes_per_s),
        kind.prompt_weights_per_s / active,
    )


def tensor_type(quantisation: str) -> str:
    """The type that most weights of a file have: `Q4_K` for `Q4_K_M`."""
    return quantisation.removesuffix("_S").removesuffix("_M").removesuffix("_L").removesuffix("_MOE")


def _this_machine(memory: int | None) -> Machine:
    if memory is not None:
        return Machine(memory, usable_cores())
    # llama_cpp takes half a second to import.
    from gpt4all_core.engine.llama.devices import list_devices  # noqa: PLC0415 - heavy

    return Machine(memory_bytes(), usable_cores(), choose_devices(list_devices(), "auto"))


def _needed(entry: ModelEntry) -> int:
    return memory_needed(entry) or 0


def _fits(entry: ModelEntry, machine: Machine) -> bool:
    needed = memory_needed(entry)
    room = max(SHARE_OF_MEMORY * machine.memory_bytes, machine.device_bytes)
    return needed is not None and needed <= room


def _types_of(ordered: Sequence[ModelEntry]) -> list[str]:
    types = dict.fromkeys(tensor_type(entry.quantisation) for entry in ordered if entry.quantisation)
    return list(types)[:MOST_MEASURED_TYPES]


def _by_worth(
    entries: Sequence[ModelEntry], speeds: Mapping[str, ExpectedSpeed | None], machine: Machine
) -> list[ModelEntry]:
    is_measured = any(speeds.values())

    def is_quick(entry: ModelEntry) -> bool:
        if not is_measured:
            return bool(machine.devices) or (entry.parameters or 0) <= MOST_PARAMETERS
        speed = speeds.get(entry.name)
        # What nobody measured, as on two devices at once, is no promise where others were measured.
        return speed is not None and speed.tokens_per_s >= READING_TOKENS_PER_S

    def worth(entry: ModelEntry) -> tuple[bool, bool, int]:
        return is_quick(entry), entry.is_recommended, entry.parameters or 0

    return sorted(entries, key=worth, reverse=True)


def _picked(
    ordered: Sequence[ModelEntry], speeds: Mapping[str, ExpectedSpeed | None]
) -> list[tuple[ModelEntry, str]]:
    """The best, one that is at least twice as fast, and the best that is here; else the next in order."""
    first = ordered[0]
    picked = {first.name: (first, _first_reason(first, ordered, speeds))}
    first_speed = speeds.get(first.name)
    quicker = [
        entry
        for entry in ordered
        if first_speed is not None
        and (speed := speeds.get(entry.name)) is not None
        and speed.tokens_per_s >= 2 * first_speed.tokens_per_s
    ]
    if quicker:
        picked.setdefault(quicker[0].name, (quicker[0], "much faster"))
    here = next((entry for entry in ordered if installed_path(entry) is not None), None)
    if here is not None:
        picked.setdefault(here.name, (here, "is here already"))
    for entry in ordered:
        if len(picked) < MOST_CHOICES:
            picked.setdefault(entry.name, (entry, "the next best"))
    return list(picked.values())[:MOST_CHOICES]


def _first_reason(
    first: ModelEntry, ordered: Sequence[ModelEntry], speeds: Mapping[str, ExpectedSpeed | None]
) -> str:
    kind = "recommended one" if first.is_recommended else "one"
    alike = [entry for entry in ordered if entry.is_recommended == first.is_recommended]
    largest = max(alike, key=lambda entry: entry.parameters or 0)
    speed = speeds.get(first.name)
    if speed is not None and speed.tokens_per_s < READING_TOKENS_PER_S:
        return f"the largest {kind} that fits, though it writes more slowly than people read"
    if (largest.parameters or 0) > (first.parameters or 0):
        if speed is None:
            return f"the largest {kind} that fits, of those that are quick enough without a graphics card"
        return f"the largest {kind} that fits and writes as fast as people read"
    return f"the largest {kind} that fits"


def _fit_reason(entry: ModelEntry, machine: Machine) -> str:
    needed, on_devices = _needed(entry), machine.device_bytes
    if needed <= on_devices:
        return f"{_size(needed)} of the {_size(on_devices)} that are free on {_names(machine)}"
    return f"{_size(needed)} of {_size(machine.memory_bytes)} of memory"


def _names(machine: Machine) -> str:
    return ", ".join(device.name for device in machine.devices)


def _licence_reason(entry: ModelEntry) -> str:
    if entry.licence is None:
        return "nothing is known of its licence"
    terms = {"yes": "commercial use is free", "no": "no commercial use", "conditions": "conditions apply"}
    return f"{entry.licence.id}, {terms[entry.licence.commercial]}"


def _language_reason(entry: ModelEntry, language: str | None) -> str:
    is_named = language is None or language in (entry.languages or ())
    return "" if is_named else f"made for more than 25 languages, {language!r} perhaps among them"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _why_none(wanted: Sequence[ModelEntry], machine: Machine, wishes: Wishes) -> str:
    """What stands in the way, with the numbers."""
    known = [entry for entry in wanted if memory_needed(entry) is not None]
    if not known:
        return f"the catalog has no model {wishes}; gpt4all models list --all shows what there is"
    least = min(known, key=_needed)
    return (
        f"nothing {wishes} fits: the smallest, {least.name}, needs {_size(_needed(least))}, and a model may"
        f" take {_size(SHARE_OF_MEMORY * machine.memory_bytes)} of {_size(machine.memory_bytes)}"
    )
