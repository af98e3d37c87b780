"""From stored records to batches of clips."""
