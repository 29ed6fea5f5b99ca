"""Defaults that help texts show; importing them loads nothing else."""

HOST = "127.0.0.1"
PORT = 5010
