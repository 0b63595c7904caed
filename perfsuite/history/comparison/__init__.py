"""Runs of one system beside runs of another: is it slower, faster, the same, or can that not be told?"""
