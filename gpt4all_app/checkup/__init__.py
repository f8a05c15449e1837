"""What `gpt4all doctor` looks at: a module for each part, with a function `findings` in each."""
