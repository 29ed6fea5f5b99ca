--@ base wire places bells stats put records holding leases reading
-- get: R[4]: ids. Answers with a record or nothing for each.
return records(R[4])
