"""What runs inside the sandbox's own processes: standard library only, imported without site-packages.

`python -c "… from inside.supervisor import main"` loads these modules under the package name `inside`, so imports
between them are relative.
"""
