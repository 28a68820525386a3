//! After a power cut, the feed of the file that is opened again tells exactly the commits that have survived.
