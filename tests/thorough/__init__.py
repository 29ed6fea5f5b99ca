"""What takes long, folder by folder: ``nox -s thorough`` runs it, ``nox`` does not."""
