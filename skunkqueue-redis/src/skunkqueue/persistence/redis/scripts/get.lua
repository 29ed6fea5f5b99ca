--@ records
-- get. Takes ids. Answers with a record or nothing for each.
return records(R[4])
