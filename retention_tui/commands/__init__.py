"""The command line, a file a stage of the loop; thin over `engine.workspace`."""
