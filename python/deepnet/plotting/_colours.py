"""The colours of the pictures."""

RIGHT, WRONG, CURVE, TEXT, PAPER = "#2a7f4f", "#c8322b", "#1f5fa8", "#333333", "#fbfbfa"
