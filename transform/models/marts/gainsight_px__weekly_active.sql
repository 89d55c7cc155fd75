{{ px_active_by('week') }}
