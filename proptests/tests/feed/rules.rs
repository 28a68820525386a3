//! What is promised of the feed, one thing at a time.
