"""Files and command line → Plan. Every mistake is named with file and key before anything is sent."""
