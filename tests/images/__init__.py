"""What the images are made of; none of these tests needs Docker."""
