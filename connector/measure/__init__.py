"""The statistics: arrays in, arrays out. Pure numpy, scipy only where it is asked for; no records, no clock."""
