"""Result files for programs and services."""
