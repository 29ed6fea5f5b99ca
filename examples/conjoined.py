"""Conjoin jobs with ``&``: one firing that runs them one after the other.

In one terminal:  skunq work -q demo -r foo
In another, in the same folder:  python conjoined.py
"""

from mixin import SayHello, SayHelloToSomeone, queue

if __name__ == "__main__":
    both = SayHello() & SayHelloToSomeone()("Ian")
    both.routes = ["foo"]
    queue += both
