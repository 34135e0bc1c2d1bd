"""Other data: are the networks less sure of it, and do they disagree more?"""
