--@ msgpack audit_log
-- cut_audit. Takes how many entries of the audit log to keep, and for how many seconds. Answers how many were removed, not
-- always all.
return u64(drop_entries(R[4], R[5]))
