"""`python -m auditor`, where the console command is not on the path."""

from auditor.cli import main

if __name__ == "__main__":
    main()
