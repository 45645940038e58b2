"""The front door: settings, home, pipeline conductor, command line, warehouse and reports."""
