from flask import Flask, render_template
from flask_socketio import SocketIO, send

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
socketio = SocketIO(app)

@app.route('/')
def index():
    return render_template('index.html')  # Отдаем HTML-страницу

@socketio.on('message')  # Обработчик события 'message'
def handle_message(msg):
    print('Received:', msg)
    send(f"Server echoes: {msg}", broadcast=True)  # Отправляем ответ всем клиентам

if __name__ == '__main__':
    socketio.run(app, debug=True)
