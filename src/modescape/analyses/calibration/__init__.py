"""Are the probabilities right, and what is each method worth once its confidence is put right?"""
