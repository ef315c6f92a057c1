"""The system under faults: real processes, a broker and a database of its own, and results that must be exact."""
