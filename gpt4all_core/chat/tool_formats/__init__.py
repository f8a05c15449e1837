"""How models write the calls they want made: one file a wire format, the same names in each."""
