"""The rules of tools/shape.py, one module each kind; each exports `check(repository)`."""
