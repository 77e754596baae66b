"""EVENTS and WINDOWS files to evidence and back: tables in columns, times, everything that may be wrong with them."""
