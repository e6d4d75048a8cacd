"""How right sensitivity analyses are: ours and other tools' against exact answers."""
