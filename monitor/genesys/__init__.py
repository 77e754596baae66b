"""How the platform talks: stanzas, sessions, REST, tokens. Facts and config are all it knows of us."""
