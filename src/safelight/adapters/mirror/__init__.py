"""Two stores that are kept alike while objects move from one to the other, so that nobody has to wait for it."""
