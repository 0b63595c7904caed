"""Files and options → Plan. Errors name file and key, and come before anything is sent."""
