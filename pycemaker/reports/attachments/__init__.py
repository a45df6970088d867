"""What a report carries beside itself on request: the interval's samples and their summary, as files."""
