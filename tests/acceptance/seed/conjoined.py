# demo.py

from skunkqueue import SkunkQueue
from skunkqueue.persistence.sqlite import default_cfg
from skunkqueue.job import JobMixin
from datetime import timedelta

queue = SkunkQueue('demo', **default_cfg)

class SayHello(JobMixin):
  def work(self):
    print('hello!')

class SayHelloToSomeone(JobMixin):
  def work(self, name):
    print('hello', name, '!')

# Jobs can be conjoined.
# This creates a new job that performs the other two in sequence.
job3 = SayHello() & SayHelloToSomeone()('Ian')
job3.routes = ['foo']
queue += job3
