"""How the emulators are proved: recorded exchanges played against them, malformed requests thrown at them."""
