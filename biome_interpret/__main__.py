"""`python -m biome_interpret` is the command `biome-interpret`."""

from biome_interpret.commands.main import main

if __name__ == "__main__":
    main()
