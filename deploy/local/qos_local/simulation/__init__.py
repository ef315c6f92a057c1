"""A dated, seeded simulation of ten procedures of Tokyo: the same arguments give the same events, to the byte."""
