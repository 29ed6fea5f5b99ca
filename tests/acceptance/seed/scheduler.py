from skunkqueue import SkunkQueue
from skunkqueue.scheduler import TimeScheduler
from skunkqueue.job import JobMixin
from datetime import timedelta
 # others coming soon are AIMDScheduler, RTOScheduler, SlowStartScheduler

queue = SkunkQueue('demo')

class Foo(JobMixin):
  def work(self):
    print('baz')

class Bar(JobMixin):
  def work(self):
    print('qux')

job = Foo()
job.routes = ['foo']

job2 = Bar()
job2.routes = ['foo']

with TimeScheduler(queue, timedelta(hours=3)) as schedule:
  schedule << job
  schedule << job2
 # Up until a flush, all jobs fed into the schedule
 # are conjoined. At a flush, the scheduler will construct
 # a compound job and place it on its queue.
 # Conjoining those jobs ensures they'll always be run
 # together.
  schedule.flush()
  schedule << job
 # On exit, the scheduler flushes one more time.
