# demo.py

from skunkqueue import SkunkQueue
from skunkqueue.persistence.sqlite import default_cfg
from skunkqueue.job import JobMixin
from datetime import timedelta

queue = SkunkQueue('demo', **default_cfg)

# Classes that inherit JobMixin are now jobs.
# The work they do is defined in the work method.
# It can take any number of arguments.
# A note: make sure if you override __init__ to call
# the __init__ method from JobMixin as well.
class SayHello(JobMixin):
  def work(self):
    print('hello!')

class SayHelloToSomeone(JobMixin):
  def work(self, name):
    print('hello', name, '!')

job = SayHello()
job.routes = ['foo'] # in the future this won't be necessary
queue += job # add the job to the queue.

job2 = SayHelloToSomeone()
job2.routes = ['foo']
queue += job2('Jed') # add arguments like you're calling it.
                     # this does use the __call__ method so at the moment
                     # it's recommended you not require your jobs to be callables
