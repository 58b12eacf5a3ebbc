"""What the published speeds and detection rates are measured with."""
