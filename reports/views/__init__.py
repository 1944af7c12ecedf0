"""What every document says, in its order and with its numbers already printed; documents only lay it out."""
