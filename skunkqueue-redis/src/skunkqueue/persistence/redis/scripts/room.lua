-- A server whose memory is full refuses a script whose first write could take more; once it has written anything else, it
-- may. So that work which only moves things, or removes them, can go on.
call('DEL', P .. 'room')
