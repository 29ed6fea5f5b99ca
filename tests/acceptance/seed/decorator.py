# demo.py; this file launches jobs

from skunkqueue import SkunkQueue
from skunkqueue.persistence.sqlite import default_cfg
from time import sleep
from datetime import timedelta

# Configure our queue. Right now these are the only options to be configured.
# Backend options are mongodb, redis, and fdb.
# Persistence modules have a default_cfg field.
# The first field here is the queue name.
queue = SkunkQueue('demo', **default_cfg)

# Create an event that will go onto our queue.
# Workers with this queue/route pair will execute this
# event when it's fired.
# Note that events have type skunkqueue.job.Job,
# not function.
@queue.job(routes=['foo'])
def add(first, second):
    # The return value gets saved by the backend.
    return first + second

# Now we launch the event.
add.fire(4,5)
add.fire_at(timedelta(seconds=60),4,5)
sleep(2)
# As soon as possible, an applicable worker will execute our task.
# "9" will be printed to the log and stored in the result section
# of the database.
# Additionally, the state and result fields of add will be updated.
print('result', add.result)
print('state', add.state)
