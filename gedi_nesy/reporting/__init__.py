"""What a run leaves behind: metrics while it trains, results and a report at its end."""
