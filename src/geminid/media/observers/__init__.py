"""What recognises: text in pictures, what pictures show, and speech. Each observer can be replaced."""
