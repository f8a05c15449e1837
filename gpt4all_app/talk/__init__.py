"""What goes on in `gpt4all chat`: the conversation, its commands, and how answers are shown."""
