--@ request msgpack
-- now. Takes nothing. Answers with the server's time.
return f64(now)
