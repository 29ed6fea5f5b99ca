--@ request
-- Lets a script go on where the server's memory is full. Such a server refuses a script whose first write may take
-- memory, but no later write. So work that only moves or removes things begins with a removal.
call('DEL', P .. 'room')
