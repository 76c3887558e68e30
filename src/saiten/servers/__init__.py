"""Starting a model: servers as processes of ours, reached over HTTP."""
