"""What happened: typed, frozen facts and the closed vocabularies they use. Imports nothing of ours."""
