"""Faults: reports while their surroundings break. Each prints its figures; they take minutes, so no suite runs them.

    python -m tests.faults                  all of them
    python -m tests.faults kills --count 50

Everything runs on loopback, in folders of its own, and stops by itself.
"""
