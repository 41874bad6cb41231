"""photo-auditor: is every user's profile photo the same wherever a copy of it is kept?"""

__version__ = "0.1.0"
