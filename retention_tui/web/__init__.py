"""The app in a browser: a server on this machine's own address, with a token at the door."""
