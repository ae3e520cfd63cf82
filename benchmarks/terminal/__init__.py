"""How fast the program answers: whole-process times of commands, first paint of the app."""
